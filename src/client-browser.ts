export { connectCallbackHost } from './client/browser.ts';
export { ConnectionError, FlowTakenOverError, StoreUnavailableError } from './model/errors.ts';
export type { RemoteCallbackHost } from './client/host.ts';
export type { ConnectOptions } from './client/options.ts';
export type { FeedStatus, ServiceStatus } from './client/remote-feed.ts';
export type { ResumableFlow } from './flows/resumable-flow.ts';
export type { OutcomeCounts, SignInOutcome } from './model/sign-in-outcomes.ts';
export type { WaitingSignIn } from './model/waiting-sign-in.ts';
