/** Sentences of the pages in one language, as HTML without elements. `fill` replaces `{}` by an escaped value. */
export interface Texts {
  success: string;
  /** Message for an accepted response whose outcome is not yet known. */
  received: string;
  /** Headline while the app completes the sign-in. */
  finishing: string;
  finishingHint: string;
  waiting: string;
  waitingHint: string;
  /** Headline if the user declined at the authorization server. */
  cancelled: string;
  cancelledHint: string;
  /** Headline if the authorization server denied access and gave a reason. */
  notSignedIn: string;
  accessDenied: string;
  failure: string;
  /** Message for an error of the authorization server. */
  failed: string;
  inactive: string;
  inactiveHint: string;
  /** Message for a request without parameters; they may have been in the fragment, which browsers do not send. */
  nothing: string;
  /** Message for a failure whose cause the page does not know. */
  checkApp: string;
  headTooLarge: string;
  headTooLargeHint: string;
  /** Headline if the store cannot be reached. */
  unavailable: string;
  unavailableHint: string;
  /** Headline if the sign-in was started in another browser. */
  otherBrowser: string;
  otherBrowserHint: string;
  /** Headline above a code that the user types into the app. */
  typeCode: string;
  typeCodeHint: string;
  /** Headline before a sign-in that a remote program has begun. */
  consentTitle: string;
  /** Message with two places: the program, and the host of the authorization server. */
  consent: string;
  /** Button that continues to the authorization server. */
  proceed: string;
  close: string;
  connected: string;
}

/** One language of the pages. */
export interface Translation {
  /** True once a native speaker has read the sentences. */
  readonly readByNativeSpeaker: boolean;
  /** Direction of the script. @default 'ltr' */
  readonly direction?: 'rtl';
  readonly texts: Texts;
}

/**
 * English sentences of `createCallbackHtml`. Those of servers are loaded when one starts; a module that both import would make
 * the core larger.
 */
export const basics = {
  success: 'Authentication successful',
  failure: 'Authentication failed',
  close: 'You can safely close this tab now.',
  connected: 'Connected to: {}',
};

/** Language of the pages, as a BCP 47 tag. */
export type Language =
  | 'en'
  | 'de'
  | 'fr'
  | 'es'
  | 'pt-PT'
  | 'pt-BR'
  | 'it'
  | 'nl'
  | 'pl'
  | 'ru'
  | 'tr'
  | 'ar'
  | 'ja'
  | 'ko'
  | 'zh-Hans'
  | 'zh-Hant';

// A record, because the compiler asks for each language of it.
export const languageTable: Readonly<Record<Language, true>> = {
  en: true,
  de: true,
  fr: true,
  es: true,
  'pt-PT': true,
  'pt-BR': true,
  it: true,
  nl: true,
  pl: true,
  ru: true,
  tr: true,
  ar: true,
  ja: true,
  ko: true,
  'zh-Hans': true,
  'zh-Hant': true,
};

/** Own sentences for the pages, by language; those that are left out stay as they are. */
export type OwnTexts = {
  readonly [Tag in Language]?: { readonly [Name in keyof Texts]?: string | undefined } | undefined;
};

export const languages = Object.keys(languageTable) as readonly Language[];

/** Names of the sentences. */
export const textTable: Readonly<Record<keyof Texts, true>> = {
  success: true,
  received: true,
  finishing: true,
  finishingHint: true,
  waiting: true,
  waitingHint: true,
  cancelled: true,
  cancelledHint: true,
  notSignedIn: true,
  accessDenied: true,
  failure: true,
  failed: true,
  inactive: true,
  inactiveHint: true,
  nothing: true,
  checkApp: true,
  headTooLarge: true,
  headTooLargeHint: true,
  unavailable: true,
  unavailableHint: true,
  otherBrowser: true,
  otherBrowserHint: true,
  typeCode: true,
  typeCodeHint: true,
  consentTitle: true,
  consent: true,
  proceed: true,
  close: true,
  connected: true,
};
