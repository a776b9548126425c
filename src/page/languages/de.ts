import type { Translation } from '../texts.ts';

/** German. */
export const de: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Anmeldung erfolgreich',
    received: 'Die Anmeldung ist angekommen. Die App macht jetzt weiter.',
    finishing: 'Anmeldung wird abgeschlossen …',
    finishingHint: 'Die App schließt die Anmeldung ab. Das Ergebnis erscheint auf dieser Seite.',
    waiting: 'Anmeldung angekommen',
    waitingHint: 'Die App hat noch kein Ergebnis gemeldet. Bitte in der App nachsehen.',
    cancelled: 'Anmeldung abgebrochen',
    cancelledHint: 'Die Anmeldung wurde abgebrochen. Bitte in der App neu beginnen.',
    notSignedIn: 'Nicht angemeldet',
    accessDenied: 'Der Autorisierungsserver hat den Zugriff verweigert.',
    failure: 'Anmeldung fehlgeschlagen',
    failed: 'Der Autorisierungsserver hat einen Fehler gemeldet.',
    inactive: 'Dieser Anmeldelink ist nicht aktiv',
    inactiveHint:
      'Nach einer gerade abgeschlossenen Anmeldung kann diese Seite ignoriert werden. Sonst bitte in der App neu beginnen.',
    nothing:
      'Diese Anfrage enthält keine Antwort auf eine Anmeldung. (Browser senden den Teil einer Adresse nach # nicht.)',
    checkApp: 'Einzelheiten stehen in der App.',
    headTooLarge: 'Der Browser hat zu viele Daten gesendet',
    headTooLargeHint: 'Bitte die Cookies dieser Website löschen. Danach in der App neu beginnen.',
    unavailable: 'Anmeldung zurzeit nicht möglich',
    unavailableHint:
      'Der Dienst ist vorübergehend nicht verfügbar. Bitte kurz warten und diese Seite neu laden.',
    otherBrowser: 'Diese Anmeldung wurde in einem anderen Browser begonnen',
    otherBrowserHint:
      'Es wurde nichts weitergegeben. Wer diese Anmeldung nicht selbst begonnen hat, schließt bitte diese Seite und gibt den Link nicht weiter.',
    typeCode: 'Bitte diesen Code in der App eingeben',
    typeCodeHint:
      'Den Code nur in die App eingeben, in der diese Anmeldung begonnen wurde. Den Code niemandem mitteilen.',
    consentTitle: 'Wurde diese Anmeldung selbst begonnen?',
    consent:
      'Das Programm {} bittet um eine Anmeldung bei {}. Bitte nur fortfahren, wenn sie gerade selbst begonnen wurde.',
    proceed: 'Weiter',
    close: 'Dieser Tab kann jetzt geschlossen werden.',
    connected: 'Verbunden mit: {}',
  },
};
