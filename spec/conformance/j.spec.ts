import { rows } from './j.ts';
import { proveBridge } from './row.ts';

proveBridge('J. The bridge: who may connect', rows);
