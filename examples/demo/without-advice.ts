const advice = /oidc-provider (?:WARNING|NOTICE):/;

/**
 * Runs `work` without the advice that `oidc-provider` gives by way of `console` to those who run it in production:
 * on the version of Node, the store in memory. Every other line is printed as ever.
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
