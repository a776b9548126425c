import type { Language, Texts } from './texts.ts';

/** Loaded where they may be wanted: half of the core's texts, and most servers speak to one person. */
export const translations: Readonly<Record<Exclude<Language, 'en'>, Texts>> = {
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
};
