import type { Language } from './texts.ts';

/** Texts of the page for a store that cannot be reached. A separate file, because only servers with a store load it. */
export const unavailable: Readonly<Record<Language, readonly [headline: string, hint: string]>> = {
  en: [
    'Sign-in is not available right now',
    'The service is temporarily unavailable. Please wait a moment and reload this page.',
  ],
  de: [
    'Anmeldung zurzeit nicht möglich',
    'Der Dienst ist vorübergehend nicht verfügbar. Bitte kurz warten und diese Seite neu laden.',
  ],
  fr: [
    'Connexion momentanément indisponible',
    'Le service est temporairement indisponible. Patientez un instant, puis rechargez cette page.',
  ],
  es: [
    'El inicio de sesión no está disponible ahora',
    'El servicio no está disponible temporalmente. Espere un momento y vuelva a cargar esta página.',
  ],
  pt: [
    'O início de sessão não está disponível agora',
    'O serviço está temporariamente indisponível. Aguarde um momento e recarregue esta página.',
  ],
  ja: [
    '現在サインインできません',
    'サービスが一時的に利用できません。しばらく待ってから、このページを再読み込みしてください。',
  ],
};
