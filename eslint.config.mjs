import rxjsX from 'eslint-plugin-rxjs-x';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'artifacts/', 'spec/fixtures/'] },
  tseslint.configs.strictTypeChecked,
  // These rules need types, which the configuration files are linted without.
  { files: ['**/*.ts'], extends: [rxjsX.configs.recommended] },
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers and literal unions print as they should; wrapping each in String() only adds noise.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['spec/**', 'examples/**', 'bench/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // uvu assertions and stream subscriptions in specs are fire-and-forget by design.
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-nested-subscribe': 'off',
      // Assertion helpers are handed about as plain functions; none of them uses `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // `lift` is how RxJS 7 lets a class of streams stay itself under `pipe`; rxjs is pinned to that major.
    files: ['src/isolated-observable.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  { files: ['**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
