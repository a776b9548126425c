import { requirements } from './parsing.ts';
import { prove } from './prove.ts';

prove(requirements);
