/** Takes secrets out of what a server says, which may repeat what it was sent: as they are, and as they were sent. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams([['', secret]]).toString().slice(1),
    ])
    .reduce((left, form) => left.replaceAll(form, '[redacted]'), text)
    .replace(/\bBasic\s+[\w+/=-]+/gi, 'Basic [redacted]');
}
