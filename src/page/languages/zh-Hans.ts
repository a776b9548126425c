import type { Translation } from '../texts.ts';

/** Simplified Chinese. */
export const zhHans: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: '身份验证成功',
    received: '已收到登录结果。应用将继续处理。',
    finishing: '正在完成登录…',
    finishingHint: '应用正在完成登录。结果将显示在此页面上。',
    waiting: '已收到登录结果',
    waitingHint: '应用尚未报告结果。请查看应用。',
    cancelled: '已取消登录',
    cancelledHint: '您已取消登录。请从应用重新开始。',
    notSignedIn: '您未登录',
    accessDenied: '授权服务器拒绝了访问。',
    failure: '身份验证失败',
    failed: '授权服务器报告了一个错误。',
    inactive: '此登录链接无效',
    inactiveHint: '如果您刚刚登录过，可以忽略此页面。否则请从应用重新开始。',
    nothing: '此请求不包含登录响应。（浏览器不会发送地址中 # 之后的部分。）',
    checkApp: '详情请查看应用。',
    headTooLarge: '您的浏览器发送的数据过多',
    headTooLargeHint: '请删除此网站的 Cookie，然后从应用重新开始。',
    unavailable: '目前无法登录',
    unavailableHint: '服务暂时不可用。请稍候再重新加载此页面。',
    close: '现在可以放心关闭此标签页。',
    connected: '已连接到：{}',
  },
};
