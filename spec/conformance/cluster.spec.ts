import { requirements } from './cluster.ts';
import { prove } from './prove.ts';

prove(requirements);
