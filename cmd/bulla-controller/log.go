package main

import (
	"io"

	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// newLogger is fluxcd's logger with a writer of its own: that one knows standard
// error only, and a console line would carry a repository's escape sequences there.
func newLogger(o logger.Options, to io.Writer) logr.Logger {
	options := zap.Options{StacktraceLevel: zapcore.PanicLevel}
	level, known := map[string]zapcore.Level{
		"trace": zapcore.DebugLevel - 1, "debug": zapcore.DebugLevel, "error": zapcore.ErrorLevel,
	}[o.LogLevel]
	if known {
		options.Level = level
	}
	if o.LogLevel == "trace" || o.LogLevel == "debug" {
		options.StacktraceLevel = zapcore.ErrorLevel
	}
	encoding := func(config *zapcore.EncoderConfig) {
		config.EncodeTime, config.EncodeLevel = zapcore.ISO8601TimeEncoder, logger.LowercaseLevelEncoder
	}
	if o.LogEncoding == "console" {
		zap.ConsoleEncoder(encoding,
			func(config *zapcore.EncoderConfig) { config.EncodeLevel = logger.CapitalLevelEncoder })(&options)
	} else {
		zap.JSONEncoder(encoding)(&options)
	}
	return zap.New(zap.UseFlagOptions(&options), zap.WriteTo(to))
}
