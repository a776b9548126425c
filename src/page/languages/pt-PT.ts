import type { Translation } from '../texts.ts';

/** European Portuguese. */
export const ptPT: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Autenticação concluída',
    received: 'O início de sessão foi recebido. A aplicação continua a partir daqui.',
    finishing: 'A concluir o início de sessão…',
    finishingHint: 'A aplicação está a concluir o início de sessão. O resultado aparecerá nesta página.',
    waiting: 'Início de sessão recebido',
    waitingHint: 'A aplicação ainda não comunicou um resultado. Verifique na aplicação.',
    cancelled: 'Início de sessão cancelado',
    cancelledHint: 'Cancelou o início de sessão. Recomece na aplicação.',
    notSignedIn: 'A sessão não foi iniciada',
    accessDenied: 'O servidor de autorização recusou o acesso.',
    failure: 'Falha na autenticação',
    failed: 'O servidor de autorização comunicou um erro.',
    inactive: 'Esta ligação de início de sessão não está ativa',
    inactiveHint:
      'Se acabou de iniciar sessão, pode ignorar esta página. Caso contrário, recomece na aplicação.',
    nothing:
      'Este pedido não contém qualquer resposta de início de sessão. (Os navegadores não enviam a parte de um endereço depois de #.)',
    checkApp: 'Consulte os pormenores na aplicação.',
    headTooLarge: 'O seu navegador enviou demasiados dados',
    headTooLargeHint: 'Elimine os cookies deste site. Depois, recomece na aplicação.',
    unavailable: 'O início de sessão não está disponível agora',
    unavailableHint:
      'O serviço está temporariamente indisponível. Aguarde um momento e recarregue esta página.',
    otherBrowser: 'Este início de sessão foi começado noutro navegador',
    otherBrowserHint:
      'Nada foi transmitido. Se não começou este início de sessão, feche esta página e não partilhe a ligação com ninguém.',
    typeCode: 'Introduza este código na aplicação',
    typeCodeHint:
      'Escreva o código na aplicação em que começou este início de sessão. Não o revele a ninguém.',
    consentTitle: 'Começou este início de sessão?',
    consent:
      'O programa {} pede-lhe que inicie sessão em {}. Continue apenas se acabou de o começar pessoalmente.',
    proceed: 'Continuar',
    close: 'Já pode fechar este separador.',
    connected: 'Ligado a: {}',
  },
};
