import type { Translation } from '../texts.ts';

/** Korean. */
export const ko: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: '인증에 성공했습니다',
    received: '로그인 결과를 받았습니다. 이제 앱에서 계속 진행됩니다.',
    finishing: '로그인을 완료하는 중…',
    finishingHint: '앱이 로그인을 완료하고 있습니다. 결과가 이 페이지에 표시됩니다.',
    waiting: '로그인 결과를 받았습니다',
    waitingHint: '앱에서 아직 결과를 알리지 않았습니다. 앱을 확인해 주세요.',
    cancelled: '로그인이 취소되었습니다',
    cancelledHint: '로그인을 취소하셨습니다. 앱에서 다시 시작해 주세요.',
    notSignedIn: '로그인되지 않았습니다',
    accessDenied: '인증 서버가 접근을 거부했습니다.',
    failure: '인증에 실패했습니다',
    failed: '인가 서버가 오류를 보고했습니다.',
    inactive: '이 로그인 링크는 유효하지 않습니다',
    inactiveHint:
      '방금 로그인하셨다면 이 페이지를 무시하셔도 됩니다. 그렇지 않으면 앱에서 다시 시작해 주세요.',
    nothing: '이 요청에는 로그인 응답이 없습니다. (브라우저는 주소에서 # 뒤의 부분을 보내지 않습니다.)',
    checkApp: '자세한 내용은 앱에서 확인해 주세요.',
    headTooLarge: '브라우저가 너무 많은 데이터를 보냈습니다',
    headTooLargeHint: '이 사이트의 쿠키를 삭제한 다음 앱에서 다시 시작해 주세요.',
    unavailable: '지금은 로그인할 수 없습니다',
    unavailableHint: '서비스를 일시적으로 사용할 수 없습니다. 잠시 기다린 후 이 페이지를 새로 고쳐 주세요.',
    otherBrowser: '이 로그인은 다른 브라우저에서 시작되었습니다',
    otherBrowserHint:
      '아무것도 전달되지 않았습니다. 이 로그인을 직접 시작하지 않았다면 이 페이지를 닫고 링크를 누구에게도 알려 주지 마세요.',
    typeCode: '이 코드를 앱에 입력하세요',
    typeCodeHint: '이 로그인을 시작한 앱에 코드를 입력하세요. 코드를 누구에게도 알려 주지 마세요.',
    consentTitle: '이 로그인을 시작하셨나요?',
    consent: '{} 프로그램이 {}에서 로그인하도록 요청합니다. 방금 직접 시작한 경우에만 계속하세요.',
    proceed: '계속',
    close: '이제 이 탭을 닫아도 됩니다.',
    connected: '연결된 서버: {}',
  },
};
