import { requirements } from './http-limits.ts';
import { prove } from './prove.ts';

prove(requirements);
