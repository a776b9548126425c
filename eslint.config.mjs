import rxjsX from 'eslint-plugin-rxjs-x';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'artifacts/', 'spec/fixtures/'] },
  tseslint.configs.strictTypeChecked,
  // These rules need types, and the configuration files are linted without types.
  { files: ['**/*.ts'], extends: [rxjsX.configs.recommended] },
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers print well; wrapping each in String() only adds noise.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['spec/**', 'examples/**', 'bench/**', 'tools/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Specs subscribe without handling errors and nest subscriptions by design.
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-nested-subscribe': 'off',
      // Assertion helpers are passed as plain functions; none of them uses `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // `lift` is deprecated, but RxJS 7 needs it to keep the class of a stream under `pipe`.
    files: ['src/base/isolated-observable.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  { files: ['**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
