import type { Translation } from '../texts.ts';

/** Turkish. */
export const tr: Translation = {
  readByNativeSpeaker: false,
  texts: {
    success: 'Kimlik doğrulama başarılı',
    received: 'Oturum açma yanıtı alındı. Uygulama buradan devam ediyor.',
    finishing: 'Oturum açma tamamlanıyor…',
    finishingHint: 'Uygulama oturum açma işlemini tamamlıyor. Sonuç bu sayfada görünecek.',
    waiting: 'Oturum açma yanıtı alındı',
    waitingHint: 'Uygulama henüz bir sonuç bildirmedi. Lütfen uygulamaya bakın.',
    cancelled: 'Oturum açma iptal edildi',
    cancelledHint: 'Oturum açmayı iptal ettiniz. Uygulamadan yeniden başlayın.',
    notSignedIn: 'Oturum açılmadı',
    accessDenied: 'Yetkilendirme sunucusu erişimi reddetti.',
    failure: 'Kimlik doğrulama başarısız',
    failed: 'Yetkilendirme sunucusu bir hata bildirdi.',
    inactive: 'Bu oturum açma bağlantısı etkin değil',
    inactiveHint:
      'Az önce oturum açtıysanız bu sayfayı yok sayabilirsiniz. Aksi takdirde uygulamadan yeniden başlayın.',
    nothing:
      'Bu istekte oturum açma yanıtı yok. (Tarayıcılar bir adresin # işaretinden sonraki kısmını göndermez.)',
    checkApp: 'Ayrıntılar için uygulamaya bakın.',
    headTooLarge: 'Tarayıcınız çok fazla veri gönderdi',
    headTooLargeHint: 'Bu sitenin çerezlerini silin. Ardından uygulamadan yeniden başlayın.',
    unavailable: 'Şu anda oturum açılamıyor',
    unavailableHint: 'Hizmet geçici olarak kullanılamıyor. Lütfen biraz bekleyip bu sayfayı yenileyin.',
    otherBrowser: 'Bu oturum açma işlemi başka bir tarayıcıda başlatıldı',
    otherBrowserHint:
      'Hiçbir bilgi iletilmedi. Bu işlemi siz başlatmadıysanız bu sayfayı kapatın ve bağlantıyı kimseyle paylaşmayın.',
    typeCode: 'Bu kodu uygulamaya girin',
    typeCodeHint: 'Kodu, bu oturum açma işlemini başlattığınız uygulamaya yazın. Kodu kimseye söylemeyin.',
    consentTitle: 'Bu oturum açma işlemini siz mi başlattınız?',
    consent:
      '{} programı {} üzerinde oturum açmanızı istiyor. Yalnızca bunu az önce siz başlattıysanız devam edin.',
    proceed: 'Devam et',
    close: 'Artık bu sekmeyi kapatabilirsiniz.',
    connected: 'Bağlanılan sunucu: {}',
  },
};
