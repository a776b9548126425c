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
    close: 'Agora você pode fechar esta guia.',
    connected: 'Conectado a: {}',
  },
};
