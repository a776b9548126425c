import type { Translation } from '../texts.ts';

/** Italian. */
export const it: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Autenticazione riuscita',
    received: 'L’accesso è stato ricevuto. L’app prosegue da qui.',
    finishing: 'Completamento dell’accesso…',
    finishingHint: 'L’app sta completando l’accesso. Il risultato apparirà in questa pagina.',
    waiting: 'Accesso ricevuto',
    waitingHint: 'L’app non ha ancora comunicato un risultato. Controlla nell’app.',
    cancelled: 'Accesso annullato',
    cancelledHint: 'Hai annullato l’accesso. Ricomincia dall’app.',
    notSignedIn: 'Accesso non effettuato',
    accessDenied: 'Il server di autorizzazione ha negato l’accesso.',
    failure: 'Autenticazione non riuscita',
    failed: 'Il server di autorizzazione ha segnalato un errore.',
    inactive: 'Questo link di accesso non è attivo',
    inactiveHint:
      'Se hai appena effettuato l’accesso, puoi ignorare questa pagina. Altrimenti ricomincia dall’app.',
    nothing:
      'Questa richiesta non contiene alcuna risposta di accesso. (I browser non inviano la parte di un indirizzo dopo #.)',
    checkApp: 'Vedi i dettagli nell’app.',
    headTooLarge: 'Il browser ha inviato troppi dati',
    headTooLargeHint: 'Elimina i cookie di questo sito. Poi ricomincia dall’app.',
    unavailable: 'L’accesso non è al momento disponibile',
    unavailableHint:
      'Il servizio è temporaneamente non disponibile. Attendi un momento e ricarica questa pagina.',
    otherBrowser: 'Questo accesso è stato avviato in un altro browser',
    otherBrowserHint:
      'Non è stato trasmesso nulla. Se non hai avviato tu questo accesso, chiudi questa pagina e non comunicare il link a nessuno.',
    typeCode: 'Inserisci questo codice nell’app',
    typeCodeHint: 'Digita il codice nell’app in cui hai avviato questo accesso. Non comunicarlo a nessuno.',
    consentTitle: 'Hai avviato tu questo accesso?',
    consent: 'Il programma {} ti chiede di accedere a {}. Continua solo se hai appena avviato tu l’accesso.',
    proceed: 'Continua',
    close: 'Ora puoi chiudere questa scheda.',
    connected: 'Connesso a: {}',
  },
};
