import type { Translation } from '../texts.ts';

/** Dutch. */
export const nl: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Authenticatie geslaagd',
    received: 'De aanmelding is ontvangen. De app gaat nu verder.',
    finishing: 'Aanmelding wordt voltooid…',
    finishingHint: 'De app voltooit de aanmelding. Het resultaat verschijnt op deze pagina.',
    waiting: 'Aanmelding ontvangen',
    waitingHint: 'De app heeft nog geen resultaat gemeld. Kijk in de app.',
    cancelled: 'Aanmelding geannuleerd',
    cancelledHint: 'Je hebt de aanmelding geannuleerd. Begin opnieuw vanuit de app.',
    notSignedIn: 'Je bent niet aangemeld',
    accessDenied: 'De autorisatieserver heeft de toegang geweigerd.',
    failure: 'Authenticatie mislukt',
    failed: 'De autorisatieserver heeft een fout gemeld.',
    inactive: 'Deze aanmeldlink is niet actief',
    inactiveHint:
      'Als je je net hebt aangemeld, kun je deze pagina negeren. Begin anders opnieuw vanuit de app.',
    nothing:
      'Dit verzoek bevat geen antwoord op een aanmelding. (Browsers sturen het deel van een adres na # niet mee.)',
    checkApp: 'Zie de app voor meer informatie.',
    headTooLarge: 'Je browser heeft te veel gegevens verzonden',
    headTooLargeHint: 'Verwijder de cookies van deze site. Begin daarna opnieuw vanuit de app.',
    unavailable: 'Aanmelden is nu niet mogelijk',
    unavailableHint: 'De dienst is tijdelijk niet beschikbaar. Wacht even en laad deze pagina opnieuw.',
    otherBrowser: 'Deze aanmelding is in een andere browser gestart',
    otherBrowserHint:
      'Er is niets doorgegeven. Als u deze aanmelding niet zelf hebt gestart, sluit dan deze pagina en deel de link met niemand.',
    typeCode: 'Voer deze code in de app in',
    typeCodeHint: 'Typ de code in de app waarin u deze aanmelding hebt gestart. Vertel de code aan niemand.',
    consentTitle: 'Hebt u deze aanmelding gestart?',
    consent:
      'Het programma {} vraagt u om u aan te melden bij {}. Ga alleen verder als u dit zojuist zelf hebt gestart.',
    proceed: 'Doorgaan',
    close: 'Je kunt dit tabblad nu sluiten.',
    connected: 'Verbonden met: {}',
  },
};
