import { startProvider } from './helpers/provider.ts';
const as = await startProvider();
console.log(as.issuer);
await new Promise(() => setInterval(() => undefined, 1e6));
