export { Transactional, type TransactionalDecorator } from './transactional.decorator.js';
