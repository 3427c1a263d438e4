import { StoreUnavailableError } from '../errors/index.js';

/** The store could have been asked, but the caller's time was over before it came to that. */
export class AskedTooLateError extends StoreUnavailableError {}
