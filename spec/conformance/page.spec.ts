import { requirements } from './page.ts';
import { prove } from './prove.ts';

prove(requirements);
