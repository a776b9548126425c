import type { Translation } from '../texts.ts';

/** Spanish. */
export const es: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Autenticación correcta',
    received: 'Se recibió el inicio de sesión. La aplicación continúa a partir de aquí.',
    finishing: 'Finalizando el inicio de sesión…',
    finishingHint:
      'La aplicación está completando el inicio de sesión. El resultado aparecerá en esta página.',
    waiting: 'Inicio de sesión recibido',
    waitingHint: 'La aplicación aún no ha comunicado un resultado. Consulte la aplicación.',
    cancelled: 'Inicio de sesión cancelado',
    cancelledHint: 'Ha cancelado el inicio de sesión. Empiece de nuevo desde la aplicación.',
    notSignedIn: 'No se inició la sesión',
    accessDenied: 'El servidor de autorización denegó el acceso.',
    failure: 'Error de autenticación',
    failed: 'El servidor de autorización comunicó un error.',
    inactive: 'Este enlace de inicio de sesión no está activo',
    inactiveHint:
      'Si acaba de iniciar sesión, puede ignorar esta página. Si no, empiece de nuevo desde la aplicación.',
    nothing:
      'Esta solicitud no contiene ninguna respuesta de inicio de sesión. (Los navegadores no envían la parte de una dirección que sigue a #.)',
    checkApp: 'Consulte los detalles en la aplicación.',
    headTooLarge: 'Su navegador envió demasiados datos',
    headTooLargeHint: 'Elimine las cookies de este sitio. Después empiece de nuevo desde la aplicación.',
    unavailable: 'El inicio de sesión no está disponible ahora',
    unavailableHint:
      'El servicio no está disponible temporalmente. Espere un momento y vuelva a cargar esta página.',
    otherBrowser: 'Este inicio de sesión se comenzó en otro navegador',
    otherBrowserHint:
      'No se ha transmitido nada. Si no ha comenzado este inicio de sesión, cierre esta página y no comparta el enlace con nadie.',
    typeCode: 'Introduzca este código en la aplicación',
    typeCodeHint:
      'Escriba el código en la aplicación en la que comenzó este inicio de sesión. No se lo diga a nadie.',
    consentTitle: '¿Ha comenzado este inicio de sesión?',
    consent:
      'El programa {} le pide que inicie sesión en {}. Continúe solo si acaba de comenzarlo personalmente.',
    proceed: 'Continuar',
    close: 'Ya puede cerrar esta pestaña.',
    connected: 'Conectado a: {}',
  },
};
