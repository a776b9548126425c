import type { Translation } from '../texts.ts';

/** French. */
export const fr: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Authentification réussie',
    received: 'La connexion a été reçue. L’application prend le relais.',
    finishing: 'Finalisation de la connexion…',
    finishingHint: 'L’application finalise la connexion. Le résultat s’affichera sur cette page.',
    waiting: 'Connexion reçue',
    waitingHint: 'L’application n’a pas encore communiqué de résultat. Consultez l’application.',
    cancelled: 'Connexion annulée',
    cancelledHint: 'Vous avez annulé la connexion. Recommencez depuis l’application.',
    notSignedIn: 'Vous n’êtes pas connecté',
    accessDenied: 'Le serveur d’autorisation a refusé l’accès.',
    failure: 'Échec de l’authentification',
    failed: 'Le serveur d’autorisation a signalé une erreur.',
    inactive: 'Ce lien de connexion n’est pas actif',
    inactiveHint:
      'Si vous venez de vous connecter, vous pouvez ignorer cette page. Sinon, recommencez depuis l’application.',
    nothing:
      'Cette requête ne contient aucune réponse de connexion. (Les navigateurs n’envoient pas la partie d’une adresse après #.)',
    checkApp: 'Consultez l’application pour plus de détails.',
    headTooLarge: 'Votre navigateur a envoyé trop de données',
    headTooLargeHint: 'Supprimez les cookies de ce site. Recommencez ensuite depuis l’application.',
    unavailable: 'Connexion momentanément indisponible',
    unavailableHint:
      'Le service est temporairement indisponible. Patientez un instant, puis rechargez cette page.',
    otherBrowser: 'Cette connexion a été lancée dans un autre navigateur',
    otherBrowserHint:
      'Rien n’a été transmis. Si vous n’avez pas lancé cette connexion vous-même, fermez cette page et ne communiquez le lien à personne.',
    typeCode: 'Saisissez ce code dans l’application',
    typeCodeHint:
      'Saisissez le code dans l’application où vous avez lancé cette connexion. Ne le communiquez à personne.',
    consentTitle: 'Avez-vous lancé cette connexion ?',
    consent:
      'Le programme {} vous demande de vous connecter sur {}. Ne continuez que si vous venez de lancer cette connexion vous-même.',
    proceed: 'Continuer',
    close: 'Vous pouvez maintenant fermer cet onglet.',
    connected: 'Connecté à : {}',
  },
};
