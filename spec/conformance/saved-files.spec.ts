import { prove } from './prove.ts';
import { requirements } from './saved-files.ts';

prove(requirements);
