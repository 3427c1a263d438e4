const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/build'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^nestjs-distributed-tx$': '<rootDir>/lib/index.ts',
    '^nestjs-distributed-tx/([\\w-]+)$': '<rootDir>/lib/$1/index.ts',
  },
};

const soak = { ...shared, displayName: 'soak', testMatch: ['<rootDir>/test/soak/**/*.spec.ts'] };

export default {
  maxWorkers: 2,
  workerIdleMemoryLimit: '256MB',
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/tools/totals-reporter.mjs'],
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts', '!lib/**/*.spec.ts', '!lib/**/index.ts'],
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/lib/**/*.spec.ts',
        '<rootDir>/test/unit/**/*.spec.ts',
        '<rootDir>/test/protocol/**/*.spec.ts',
      ],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      testPathIgnorePatterns: ['<rootDir>/test/(protocol|soak|unit)/'],
    },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/sample/**/*.e2e-spec.ts'] },
    ...(process.env.DTX_SOAK === '1' ? [soak] : []),
  ],
};
