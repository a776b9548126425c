export { config as default } from '../site.ts';
