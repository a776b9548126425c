/** Sentences of the pages in one language. `fill` replaces `{}` by an escaped value. */
export interface Texts {
  success: string;
  /** Message for an accepted response whose outcome is not yet known. */
  received: string;
  waiting: string;
  waitingHint: string;
  failure: string;
  denied: string;
  failed: string;
  inactive: string;
  inactiveHint: string;
  /** Message for a request without parameters; they may have been in the fragment, which browsers do not send. */
  nothing: string;
  /** Message for a failure whose cause the page does not know. */
  checkApp: string;
  headTooLarge: string;
  headTooLargeHint: string;
  close: string;
  connected: string;
}

export const english: Texts = {
  success: 'Authentication successful',
  received: 'The sign-in was received. The app continues from here.',
  waiting: 'Sign-in received',
  waitingHint: 'The app has not reported a result yet. Please check the app.',
  failure: 'Authentication failed',
  denied: 'Access was denied by the authorization server.',
  failed: 'Authorization failed: {}',
  inactive: 'This sign-in link is not active',
  inactiveHint: 'If you just signed in, you can ignore this page. Otherwise start again from the app.',
  nothing:
    'This request contains no sign-in response. (Browsers do not send the part of an address after #.)',
  checkApp: 'See the app for details.',
  headTooLarge: 'Your browser sent too much data',
  headTooLargeHint: 'Please delete the cookies of this site. Then start again from the app.',
  close: 'You can safely close this tab now.',
  connected: 'Connected to: {}',
};

/** Language of the pages, as a BCP 47 tag. */
export type Language = 'en' | 'de' | 'fr' | 'es' | 'pt' | 'ja';

// A record, because the compiler asks for each language of it.
const known: Readonly<Record<Language, true>> = {
  en: true,
  de: true,
  fr: true,
  es: true,
  pt: true,
  ja: true,
};

export const languages = Object.keys(known) as readonly Language[];

/** Chooses the best language for an `Accept-Language` header, or English if none matches. @see RFC 9110 section 12.5.4 */
export function chooseLanguage(header: string): Language {
  let best: Language = 'en';
  let bestWeight = 0;
  for (const range of header.split(',')) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    const language = languages.find((each) => tag === each || tag.startsWith(`${each}-`));
    if (language && weight > bestWeight) {
      best = language;
      bestWeight = weight;
    }
  }
  return best;
}
