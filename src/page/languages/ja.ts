import type { Translation } from '../texts.ts';

/** Japanese. */
export const ja: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: '認証に成功しました',
    received: 'サインインを受け付けました。続きはアプリが行います。',
    finishing: 'サインインを完了しています…',
    finishingHint: 'アプリがサインインを完了しています。結果はこのページに表示されます。',
    waiting: 'サインインを受け付けました',
    waitingHint: '結果はまだアプリから届いていません。アプリで確認してください。',
    cancelled: 'サインインをキャンセルしました',
    cancelledHint: 'サインインがキャンセルされました。アプリからやり直してください。',
    notSignedIn: 'サインインしていません',
    accessDenied: '認可サーバーがアクセスを拒否しました。',
    failure: '認証に失敗しました',
    failed: '認可サーバーがエラーを返しました。',
    inactive: 'このサインインリンクは有効ではありません',
    inactiveHint:
      'サインインした直後であれば、このページは無視してかまいません。そうでない場合は、アプリからやり直してください。',
    nothing:
      'このリクエストにはサインインの応答が含まれていません。(ブラウザーはアドレスの # 以降の部分を送信しません。)',
    checkApp: '詳しくはアプリをご確認ください。',
    headTooLarge: 'ブラウザーから送信されたデータが大きすぎます',
    headTooLargeHint: 'このサイトの Cookie を削除してから、アプリでもう一度お試しください。',
    unavailable: '現在サインインできません',
    unavailableHint:
      'サービスが一時的に利用できません。しばらく待ってから、このページを再読み込みしてください。',
    otherBrowser: 'このサインインは別のブラウザーで開始されました',
    otherBrowserHint:
      '何も渡されていません。ご自身でこのサインインを開始していない場合は、このページを閉じ、リンクを誰にも教えないでください。',
    typeCode: 'このコードをアプリに入力してください',
    typeCodeHint:
      'このサインインを開始したアプリにコードを入力してください。コードは誰にも教えないでください。',
    consentTitle: 'このサインインを開始しましたか？',
    consent:
      'プログラム {} が {} でのサインインを求めています。ご自身が今開始した場合にのみ続行してください。',
    proceed: '続行',
    close: 'このタブは閉じてかまいません。',
    connected: '接続先: {}',
  },
};
