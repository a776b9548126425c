import { prove } from './prove.ts';
import { requirements } from './command-line.ts';

prove(requirements);
