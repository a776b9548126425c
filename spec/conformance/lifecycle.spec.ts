import { requirements } from './lifecycle.ts';
import { prove } from './prove.ts';

prove(requirements);
