/** The sentences of the pages in one language. `{}` stands for a value, which is escaped. */
export interface Texts {
  success: string;
  /** With a success whose end only the app knows. */
  received: string;
  waiting: string;
  waitingHint: string;
  failure: string;
  denied: string;
  failed: string;
  inactive: string;
  inactiveHint: string;
  /** With a request that carries nothing: its parameters may have stayed in the browser. */
  nothing: string;
  close: string;
  connected: string;
}

export const english: Texts = {
  success: 'Authentication successful',
  received: 'The sign-in was received; the app takes it from here.',
  waiting: 'Sign-in received',
  waitingHint: 'The app has not said yet how it ended. Have a look there.',
  failure: 'Authentication failed',
  denied: 'Access was denied by the authorization server.',
  failed: 'Authorization failed: {}',
  inactive: 'This sign-in link is not active',
  inactiveHint: 'If you have just signed in, all is well. If not, start again from the app.',
  nothing:
    'No sign-in response came with this request. Whatever stands after a # is not sent to this server.',
  close: 'You can safely close this tab now.',
  connected: 'Connected to: {}',
};

export const languages = ['en', 'de', 'fr', 'es', 'pt', 'ja'] as const;

export type Language = (typeof languages)[number];

/** The best language for an `Accept-Language` header; English where none fits. @see RFC 9110 section 12.5.4 */
export function chooseLanguage(header: string): Language {
  let best: Language = 'en';
  let bestWeight = 0;
  for (const range of header.split(',')) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    const language = languages.find((known) => tag === known || tag.startsWith(`${known}-`));
    if (language && weight > bestWeight) {
      best = language;
      bestWeight = weight;
    }
  }
  return best;
}
