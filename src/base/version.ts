/** Version of this package, inserted by the build. */
declare const __VERSION__: string;

export const version = typeof __VERSION__ === 'string' ? __VERSION__ : 'of the source';
