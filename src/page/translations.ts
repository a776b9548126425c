import type { Language, Texts } from './texts.ts';

/** Texts in other languages than English. A separate file, so that servers with `language: 'en'` need not load it. */
export const translations: Readonly<Record<Exclude<Language, 'en'>, Texts>> = {
  de: {
    success: 'Anmeldung erfolgreich',
    received: 'Die Anmeldung ist angekommen. Die App macht jetzt weiter.',
    waiting: 'Anmeldung angekommen',
    waitingHint: 'Die App hat noch kein Ergebnis gemeldet. Bitte in der App nachsehen.',
    failure: 'Anmeldung fehlgeschlagen',
    denied: 'Der Zugriff wurde vom Autorisierungsserver verweigert.',
    failed: 'Autorisierung fehlgeschlagen: {}',
    inactive: 'Dieser Anmeldelink ist nicht aktiv',
    inactiveHint:
      'Nach einer gerade abgeschlossenen Anmeldung kann diese Seite ignoriert werden. Sonst bitte in der App neu beginnen.',
    nothing:
      'Diese Anfrage enthält keine Antwort auf eine Anmeldung. (Browser senden den Teil einer Adresse nach # nicht.)',
    checkApp: 'Einzelheiten stehen in der App.',
    headTooLarge: 'Der Browser hat zu viele Daten gesendet',
    headTooLargeHint: 'Bitte die Cookies dieser Website löschen. Danach in der App neu beginnen.',
    close: 'Dieser Tab kann jetzt geschlossen werden.',
    connected: 'Verbunden mit: {}',
  },
  fr: {
    success: 'Authentification réussie',
    received: 'La connexion a été reçue. L’application prend le relais.',
    waiting: 'Connexion reçue',
    waitingHint: 'L’application n’a pas encore communiqué de résultat. Consultez l’application.',
    failure: 'Échec de l’authentification',
    denied: 'Le serveur d’autorisation a refusé l’accès.',
    failed: 'Échec de l’autorisation : {}',
    inactive: 'Ce lien de connexion n’est pas actif',
    inactiveHint:
      'Si vous venez de vous connecter, vous pouvez ignorer cette page. Sinon, recommencez depuis l’application.',
    nothing:
      'Cette requête ne contient aucune réponse de connexion. (Les navigateurs n’envoient pas la partie d’une adresse après #.)',
    checkApp: 'Consultez l’application pour plus de détails.',
    headTooLarge: 'Votre navigateur a envoyé trop de données',
    headTooLargeHint: 'Supprimez les cookies de ce site. Recommencez ensuite depuis l’application.',
    close: 'Vous pouvez maintenant fermer cet onglet.',
    connected: 'Connecté à : {}',
  },
  es: {
    success: 'Autenticación correcta',
    received: 'Se recibió el inicio de sesión. La aplicación continúa a partir de aquí.',
    waiting: 'Inicio de sesión recibido',
    waitingHint: 'La aplicación aún no ha comunicado un resultado. Consulte la aplicación.',
    failure: 'Error de autenticación',
    denied: 'El servidor de autorización denegó el acceso.',
    failed: 'Error de autorización: {}',
    inactive: 'Este enlace de inicio de sesión no está activo',
    inactiveHint:
      'Si acaba de iniciar sesión, puede ignorar esta página. Si no, empiece de nuevo desde la aplicación.',
    nothing:
      'Esta solicitud no contiene ninguna respuesta de inicio de sesión. (Los navegadores no envían la parte de una dirección que sigue a #.)',
    checkApp: 'Consulte los detalles en la aplicación.',
    headTooLarge: 'Su navegador envió demasiados datos',
    headTooLargeHint: 'Elimine las cookies de este sitio. Después empiece de nuevo desde la aplicación.',
    close: 'Ya puede cerrar esta pestaña.',
    connected: 'Conectado a: {}',
  },
  pt: {
    success: 'Autenticação concluída',
    received: 'O início de sessão foi recebido. A aplicação continua a partir daqui.',
    waiting: 'Início de sessão recebido',
    waitingHint: 'A aplicação ainda não comunicou um resultado. Verifique na aplicação.',
    failure: 'Falha na autenticação',
    denied: 'O servidor de autorização negou o acesso.',
    failed: 'Falha na autorização: {}',
    inactive: 'Esta ligação de início de sessão não está ativa',
    inactiveHint:
      'Se acabou de iniciar sessão, pode ignorar esta página. Caso contrário, recomece na aplicação.',
    nothing:
      'Este pedido não contém qualquer resposta de início de sessão. (Os navegadores não enviam a parte de um endereço depois de #.)',
    checkApp: 'Consulte os pormenores na aplicação.',
    headTooLarge: 'O seu navegador enviou demasiados dados',
    headTooLargeHint: 'Elimine os cookies deste site. Depois, recomece na aplicação.',
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
      'サインインした直後であれば、このページは無視してかまいません。そうでない場合は、アプリからやり直してください。',
    nothing:
      'このリクエストにはサインインの応答が含まれていません。(ブラウザーはアドレスの # 以降の部分を送信しません。)',
    checkApp: '詳しくはアプリをご確認ください。',
    headTooLarge: 'ブラウザーから送信されたデータが大きすぎます',
    headTooLargeHint: 'このサイトの Cookie を削除してから、アプリでもう一度お試しください。',
    close: 'このタブは閉じてかまいません。',
    connected: '接続先: {}',
  },
};
