import type { PageView } from './page.ts';
import type { Texts } from './texts.ts';

/** Part of a view that depends on the kind of a page. */
export type Content = Pick<
  PageView,
  'kind' | 'headline' | 'message' | 'detail' | 'error' | 'errorUri' | 'action'
>;

/** A page whose texts do not depend on the request. */
export interface PageKind {
  readonly status: number;
  /** Seconds after which the browser may send the same request again. Left out if that is of no use. */
  readonly retryAfter?: number;
  /** Returns the texts. @param connected Sentence about the server that the app is connected to. */
  readonly content: (texts: Texts, connected?: string) => Content;
}

export const kinds = {
  received: {
    status: 200,
    content: ({ success, received }, detail) => ({
      kind: 'success',
      headline: success,
      message: received,
      detail,
    }),
  },
  succeeded: {
    status: 200,
    content: ({ success }, detail) => ({ kind: 'success', headline: success, detail }),
  },
  finishing: {
    status: 200,
    content: ({ finishing, finishingHint }) => ({
      kind: 'waiting',
      headline: finishing,
      message: finishingHint,
    }),
  },
  undecided: {
    status: 200,
    content: ({ waiting, waitingHint }) => neutralContent(waiting, waitingHint),
  },
  cancelled: {
    status: 400,
    content: ({ cancelled, cancelledHint }) => ({
      kind: 'cancelled',
      headline: cancelled,
      message: cancelledHint,
    }),
  },
  notSignedIn: {
    status: 400,
    content: ({ notSignedIn, accessDenied }) => ({
      kind: 'cancelled',
      headline: notSignedIn,
      message: accessDenied,
    }),
  },
  denied: {
    status: 400,
    content: ({ failure, failed }) => ({ kind: 'failure', headline: failure, message: failed }),
  },
  failed: {
    status: 200,
    content: ({ failure, checkApp }) => ({ kind: 'failure', headline: failure, message: checkApp }),
  },
  otherBrowser: {
    status: 403,
    content: ({ otherBrowser, otherBrowserHint }) => ({
      kind: 'failure',
      headline: otherBrowser,
      message: otherBrowserHint,
    }),
  },
  typeCode: {
    status: 200,
    content: ({ typeCode, typeCodeHint }) => neutralContent(typeCode, typeCodeHint),
  },
  consent: {
    status: 200,
    content: ({ consentTitle, consent, proceed }) => ({
      ...neutralContent(consentTitle, consent),
      action: proceed,
    }),
  },
  neutral: {
    status: 400,
    content: ({ inactive, inactiveHint }) => neutralContent(inactive, inactiveHint),
  },
  nothing: {
    status: 400,
    content: ({ inactive, nothing }) => neutralContent(inactive, nothing),
  },
  unavailable: {
    status: 503,
    retryAfter: 2,
    content: ({ unavailable, unavailableHint }) => neutralContent(unavailable, unavailableHint),
  },
  headTooLarge: {
    status: 431,
    content: ({ headTooLarge, headTooLargeHint }) => neutralContent(headTooLarge, headTooLargeHint),
  },
} satisfies Record<string, PageKind>;

function neutralContent(headline: string, message: string): Content {
  return { kind: 'neutral', headline, message };
}
