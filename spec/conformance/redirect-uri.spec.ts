import { requirements } from './redirect-uri.ts';
import { prove } from './prove.ts';

prove(requirements);
