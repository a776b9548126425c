import { requirements } from './loopback.ts';
import { prove } from './prove.ts';

prove(requirements);
