import type { Translation } from '../texts.ts';

/** Polish. */
export const pl: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Uwierzytelnianie powiodło się',
    received: 'Logowanie zostało odebrane. Aplikacja przejmuje dalsze działania.',
    finishing: 'Kończenie logowania…',
    finishingHint: 'Aplikacja kończy logowanie. Wynik pojawi się na tej stronie.',
    waiting: 'Logowanie odebrane',
    waitingHint: 'Aplikacja nie zgłosiła jeszcze wyniku. Sprawdź w aplikacji.',
    cancelled: 'Logowanie anulowane',
    cancelledHint: 'Logowanie zostało przez Ciebie anulowane. Zacznij ponownie w aplikacji.',
    notSignedIn: 'Nie zalogowano',
    accessDenied: 'Serwer autoryzacji odmówił dostępu.',
    failure: 'Uwierzytelnianie nie powiodło się',
    failed: 'Serwer autoryzacji zgłosił błąd.',
    inactive: 'Ten link do logowania jest nieaktywny',
    inactiveHint:
      'Jeśli logowanie właśnie się odbyło, możesz zignorować tę stronę. W przeciwnym razie zacznij ponownie w aplikacji.',
    nothing:
      'To żądanie nie zawiera odpowiedzi logowania. (Przeglądarki nie wysyłają części adresu po znaku #.)',
    checkApp: 'Szczegóły znajdziesz w aplikacji.',
    headTooLarge: 'Przeglądarka wysłała zbyt dużo danych',
    headTooLargeHint: 'Usuń pliki cookie tej witryny. Następnie zacznij ponownie w aplikacji.',
    unavailable: 'Logowanie jest teraz niedostępne',
    unavailableHint: 'Usługa jest tymczasowo niedostępna. Poczekaj chwilę i odśwież tę stronę.',
    otherBrowser: 'To logowanie rozpoczęto w innej przeglądarce',
    otherBrowserHint:
      'Nic nie zostało przekazane. Jeśli to nie Ty rozpoczynasz to logowanie, zamknij tę stronę i nie udostępniaj nikomu linku.',
    typeCode: 'Wpisz ten kod w aplikacji',
    typeCodeHint: 'Wpisz kod w aplikacji, w której rozpoczęto to logowanie. Nie podawaj go nikomu.',
    consentTitle: 'Czy to Ty rozpoczynasz to logowanie?',
    consent:
      'Program {} prosi o zalogowanie się w {}. Kontynuuj tylko wtedy, gdy przed chwilą samodzielnie rozpoczęto to logowanie.',
    proceed: 'Kontynuuj',
    close: 'Możesz teraz zamknąć tę kartę.',
    connected: 'Połączono z: {}',
  },
};
