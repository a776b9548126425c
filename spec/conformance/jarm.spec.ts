import { requirements } from './jarm.ts';
import { prove } from './prove.ts';

prove(requirements);
