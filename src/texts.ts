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

export const texts = {
  en: {
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
  },
  de: {
    success: 'Anmeldung erfolgreich',
    received: 'Die Anmeldung ist angekommen; die App macht von hier aus weiter.',
    waiting: 'Anmeldung angekommen',
    waitingHint: 'Die App hat noch nicht gemeldet, wie sie ausgegangen ist. Bitte dort nachsehen.',
    failure: 'Anmeldung fehlgeschlagen',
    denied: 'Der Zugriff wurde vom Autorisierungsserver verweigert.',
    failed: 'Autorisierung fehlgeschlagen: {}',
    inactive: 'Dieser Anmeldelink ist nicht aktiv',
    inactiveHint:
      'Falls die Anmeldung gerade abgeschlossen wurde, ist alles in Ordnung. Sonst bitte in der App neu beginnen.',
    nothing:
      'Mit dieser Anfrage kam keine Antwort einer Anmeldung. Was nach einem # steht, erreicht diesen Server nicht.',
    close: 'Dieser Tab kann jetzt geschlossen werden.',
    connected: 'Verbunden mit: {}',
  },
  fr: {
    success: 'Authentification réussie',
    received: 'La connexion a été reçue ; l’application prend le relais.',
    waiting: 'Connexion reçue',
    waitingHint: 'L’application n’a pas encore indiqué le résultat. Vérifiez-le dans l’application.',
    failure: 'Échec de l’authentification',
    denied: 'Le serveur d’autorisation a refusé l’accès.',
    failed: 'Échec de l’autorisation : {}',
    inactive: 'Ce lien de connexion n’est pas actif',
    inactiveHint: 'Si vous venez de vous connecter, tout va bien. Sinon, recommencez depuis l’application.',
    nothing:
      'Cette requête ne contient aucune réponse de connexion. Ce qui suit un # n’est pas envoyé à ce serveur.',
    close: 'Vous pouvez maintenant fermer cet onglet.',
    connected: 'Connecté à : {}',
  },
  es: {
    success: 'Autenticación correcta',
    received: 'Se recibió el inicio de sesión; la aplicación continúa a partir de aquí.',
    waiting: 'Inicio de sesión recibido',
    waitingHint: 'La aplicación aún no ha indicado el resultado. Consúltelo allí.',
    failure: 'Error de autenticación',
    denied: 'El servidor de autorización denegó el acceso.',
    failed: 'Error de autorización: {}',
    inactive: 'Este enlace de inicio de sesión no está activo',
    inactiveHint: 'Si acaba de iniciar sesión, todo está bien. Si no, empiece de nuevo desde la aplicación.',
    nothing:
      'Esta solicitud no trae ninguna respuesta de inicio de sesión. Lo que va después de # no se envía a este servidor.',
    close: 'Ya puede cerrar esta pestaña.',
    connected: 'Conectado a: {}',
  },
  pt: {
    success: 'Autenticação concluída',
    received: 'O início de sessão foi recebido; a aplicação continua a partir daqui.',
    waiting: 'Início de sessão recebido',
    waitingHint: 'A aplicação ainda não indicou o resultado. Verifique lá.',
    failure: 'Falha na autenticação',
    denied: 'O servidor de autorização negou o acesso.',
    failed: 'Falha na autorização: {}',
    inactive: 'Esta ligação de início de sessão não está ativa',
    inactiveHint: 'Se acabou de iniciar sessão, está tudo bem. Se não, recomece na aplicação.',
    nothing:
      'Este pedido não traz qualquer resposta de início de sessão. O que vem depois de # não é enviado a este servidor.',
    close: 'Já pode fechar este separador.',
    connected: 'Ligado a: {}',
  },
  ja: {
    success: '認証に成功しました',
    received: 'サインインを受け付けました。続きはアプリが行います。',
    waiting: 'サインインを受け付けました',
    waitingHint: '結果はまだアプリから届いていません。アプリで確認してください。',
    failure: '認証に失敗しました',
    denied: '認可サーバーがアクセスを拒否しました。',
    failed: '認可に失敗しました: {}',
    inactive: 'このサインインリンクは有効ではありません',
    inactiveHint:
      'サインインした直後であれば問題ありません。そうでない場合は、アプリからやり直してください。',
    nothing: 'このリクエストにはサインインの応答がありません。# 以降の部分はこのサーバーに送られません。',
    close: 'このタブは閉じてかまいません。',
    connected: '接続先: {}',
  },
} satisfies Record<string, Texts>;

export type Language = keyof typeof texts;

export const languages = Object.keys(texts) as Language[];

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
