/** State of the page's connection. */
export type State = 'starting' | 'live' | 'away' | 'locked' | 'ended';
