import { requirements } from './secrets.ts';
import { prove } from './prove.ts';

prove(requirements);
