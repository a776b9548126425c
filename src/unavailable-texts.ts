import type { Language } from './texts.ts';

/** The headline and the hint of the page while the store is away. Here, for the core does without. */
export const unavailable: Readonly<Record<Language, readonly [headline: string, hint: string]>> = {
  en: [
    'Sign-in is not available right now',
    'The service cannot do its work at the moment. Please wait a little and reload this page.',
  ],
  de: [
    'Anmeldung zurzeit nicht möglich',
    'Der Dienst ist gerade gestört. Bitte kurz warten und diese Seite neu laden.',
  ],
  fr: [
    'Connexion momentanément indisponible',
    'Le service est momentanément indisponible. Patientez un peu, puis rechargez cette page.',
  ],
  es: [
    'El inicio de sesión no está disponible ahora',
    'El servicio no está disponible en este momento. Espere un poco y vuelva a cargar esta página.',
  ],
  pt: [
    'O início de sessão não está disponível agora',
    'O serviço não está disponível neste momento. Aguarde um pouco e recarregue esta página.',
  ],
  ja: [
    '現在サインインできません',
    'サービスが一時的に利用できません。しばらく待ってから、このページを再読み込みしてください。',
  ],
};
