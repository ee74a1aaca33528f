# R's survival package on the ADTTE of a run (written with --format csv): one line per arm, as the report has it.
#
#   Rscript examples/survival.R OUT [PARAMCD]

library(survival)

arguments <- commandArgs(trailingOnly = TRUE)
out <- arguments[1]
paramcd <- if (length(arguments) > 1) arguments[2] else "PFS"

adtte <- read.csv(file.path(out, "adtte.csv"), na.strings = "", colClasses = c(USUBJID = "character"))
endpoint <- adtte[adtte$PARAMCD == paramcd, ]
# AVAL counts days, CNSR is 0 for an event.
curves <- survfit(Surv(AVAL, CNSR == 0) ~ TRT01A, data = endpoint, conf.type = "log-log")
found <- summary(curves)$table
for (arm in rownames(found)) {
  cat(sub("TRT01A=", "", arm), found[arm, "records"], found[arm, "events"], found[arm, "median"], sep = "\t")
  cat("\n")
}
