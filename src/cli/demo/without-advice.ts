const advice = /oidc-provider (?:WARNING|NOTICE):/;

/**
 * Runs `work` without the advice for production that `oidc-provider` prints to `console`, such as on its store in memory. All
 * other lines are printed.
 */
export async function withoutAdvice<T>(work: () => Promise<T>): Promise<T> {
  const { warn, info } = console;
  const unlessAdvice =
    (print: typeof warn): typeof warn =>
    (...line: unknown[]) => {
      if (!advice.test(String(line[0]))) print(...line);
    };
  console.warn = unlessAdvice(warn);
  console.info = unlessAdvice(info);
  try {
    return await work();
  } finally {
    Object.assign(console, { warn, info });
  }
}
