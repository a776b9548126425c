import type { Translation } from '../texts.ts';

/** Arabic. The isolates of `connected` keep a left-to-right address in one piece. */
export const ar: Translation = {
  readByNativeSpeaker: false,
  direction: 'rtl',
  texts: {
    success: 'تمت المصادقة بنجاح',
    received: 'تم استلام تسجيل الدخول. سيتابع التطبيق من هنا.',
    finishing: 'جارٍ إكمال تسجيل الدخول…',
    finishingHint: 'يكمل التطبيق تسجيل الدخول. ستظهر النتيجة في هذه الصفحة.',
    waiting: 'تم استلام تسجيل الدخول',
    waitingHint: 'لم يُبلغ التطبيق عن نتيجة بعد. يُرجى مراجعة التطبيق.',
    cancelled: 'تم إلغاء تسجيل الدخول',
    cancelledHint: 'لقد ألغيت تسجيل الدخول. ابدأ من جديد من التطبيق.',
    notSignedIn: 'لم يتم تسجيل دخولك',
    accessDenied: 'رفض خادم التفويض الوصول.',
    failure: 'فشلت المصادقة',
    failed: 'أبلغ خادم التفويض عن خطأ.',
    inactive: 'رابط تسجيل الدخول هذا غير نشط',
    inactiveHint: 'إذا كنت قد سجّلت الدخول للتو، فيمكنك تجاهل هذه الصفحة. وإلا فابدأ من جديد من التطبيق.',
    nothing: 'لا يحتوي هذا الطلب على استجابة تسجيل دخول. (لا ترسل المتصفحات الجزء الذي يلي # من العنوان.)',
    checkApp: 'راجع التطبيق لمعرفة التفاصيل.',
    headTooLarge: 'أرسل متصفحك بيانات أكثر من اللازم',
    headTooLargeHint: 'احذف ملفات تعريف الارتباط لهذا الموقع، ثم ابدأ من جديد من التطبيق.',
    unavailable: 'تسجيل الدخول غير متاح حاليًا',
    unavailableHint: 'الخدمة غير متاحة مؤقتًا. يُرجى الانتظار قليلًا ثم إعادة تحميل هذه الصفحة.',
    close: 'يمكنك الآن إغلاق علامة التبويب هذه.',
    connected: 'متصل بـ: \u2068{}\u2069',
  },
};
