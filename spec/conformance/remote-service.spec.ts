import { prove } from './prove.ts';
import { requirements } from './remote-service.ts';

prove(requirements);
