import type { Translation } from '../texts.ts';

/** Brazilian Portuguese. */
export const ptBR: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Autenticação bem-sucedida',
    received: 'O login foi recebido. O aplicativo continua a partir daqui.',
    finishing: 'Concluindo o login…',
    finishingHint: 'O aplicativo está concluindo o login. O resultado aparecerá nesta página.',
    waiting: 'Login recebido',
    waitingHint: 'O aplicativo ainda não informou um resultado. Confira no aplicativo.',
    cancelled: 'Login cancelado',
    cancelledHint: 'Você cancelou o login. Comece novamente pelo aplicativo.',
    notSignedIn: 'O login não foi feito',
    accessDenied: 'O servidor de autorização negou o acesso.',
    failure: 'Falha na autenticação',
    failed: 'O servidor de autorização informou um erro.',
    inactive: 'Este link de login não está ativo',
    inactiveHint:
      'Se você acabou de fazer login, pode ignorar esta página. Caso contrário, comece novamente pelo aplicativo.',
    nothing:
      'Esta solicitação não contém nenhuma resposta de login. (Os navegadores não enviam a parte de um endereço depois de #.)',
    checkApp: 'Veja os detalhes no aplicativo.',
    headTooLarge: 'Seu navegador enviou dados demais',
    headTooLargeHint: 'Exclua os cookies deste site. Depois, comece novamente pelo aplicativo.',
    unavailable: 'O login não está disponível no momento',
    unavailableHint:
      'O serviço está temporariamente indisponível. Aguarde um momento e recarregue esta página.',
    otherBrowser: 'Este login foi iniciado em outro navegador',
    otherBrowserHint:
      'Nada foi repassado. Se você não iniciou este login, feche esta página e não compartilhe o link com ninguém.',
    typeCode: 'Digite este código no aplicativo',
    typeCodeHint: 'Digite o código no aplicativo em que você iniciou este login. Não o informe a ninguém.',
    consentTitle: 'Você iniciou este login?',
    consent: 'O programa {} pede que você faça login em {}. Continue somente se você acabou de iniciar isso.',
    proceed: 'Continuar',
    close: 'Agora você pode fechar esta guia.',
    connected: 'Conectado a: {}',
  },
};
