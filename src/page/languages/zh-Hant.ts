import type { Translation } from '../texts.ts';

/** Traditional Chinese. */
export const zhHant: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: '驗證成功',
    received: '已收到登入結果。應用程式將繼續處理。',
    finishing: '正在完成登入…',
    finishingHint: '應用程式正在完成登入。結果將顯示在此頁面上。',
    waiting: '已收到登入結果',
    waitingHint: '應用程式尚未回報結果。請查看應用程式。',
    cancelled: '已取消登入',
    cancelledHint: '您已取消登入。請從應用程式重新開始。',
    notSignedIn: '您尚未登入',
    accessDenied: '授權伺服器拒絕了存取。',
    failure: '驗證失敗',
    failed: '授權伺服器回報了錯誤。',
    inactive: '此登入連結無效',
    inactiveHint: '如果您剛剛登入過，可以忽略此頁面。否則請從應用程式重新開始。',
    nothing: '此要求不包含登入回應。（瀏覽器不會傳送網址中 # 之後的部分。）',
    checkApp: '詳情請查看應用程式。',
    headTooLarge: '您的瀏覽器傳送了過多資料',
    headTooLargeHint: '請刪除此網站的 Cookie，然後從應用程式重新開始。',
    unavailable: '目前無法登入',
    unavailableHint: '服務暫時無法使用。請稍候再重新載入此頁面。',
    close: '現在可以放心關閉此分頁。',
    connected: '已連線至：{}',
  },
};
