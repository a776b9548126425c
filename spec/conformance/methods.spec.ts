import { requirements } from './methods.ts';
import { prove } from './prove.ts';

prove(requirements);
