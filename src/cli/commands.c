/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <stdint.h>
#include <string.h>

#define OPTION(symbol, ...) static const struct option_row symbol = {__VA_ARGS__}

OPTION(option_preset, "preset", "smoke|default|paper",
       "how much: seconds, minutes, or as near to the source as we get (default)", false);
OPTION(option_config, "config", "FILE", "settings from an INI file; the config.ini of a run repeats that run", false);
OPTION(option_set, "set", "SECTION.KEY=VALUE", "one setting; see `strata studies STUDY`", true);
OPTION(option_seed, "seed", "N", "base seed: the same as --set study.seed=N", false);
OPTION(option_seeds, "seeds", "N", "replicates: the same as --set study.seeds=N", false);
OPTION(option_threads, "threads", "N", "threads (all processors); no result depends on it", false);
OPTION(option_out, "out", "DIR", "run directory (runs/STUDY-DATE-TIME-HASH); must be new or empty", false);
OPTION(option_sweep_out, "out", "DIR",
       "folder of the run directories (runs/sweep-STUDY-DATE-TIME); the same again continues a sweep", false);
OPTION(option_data, "data", "DIR", "folder of data sets, looked at before $STRATA_DATA", false);
OPTION(option_mirror, "mirror", "ADDRESS", "get: another address of the folder of files, ending in a slash", false);
OPTION(option_json, "json", NULL, "print result.json on standard output and nothing else there", false);
OPTION(option_sweep_json, "json", NULL, "print the table as JSON on standard output and nothing else there", false);
OPTION(option_quiet, "quiet", NULL, "no progress and no tables; faults are still said", false);
OPTION(option_check, "check", NULL, "exit status 3 if a verdict is not the expected one", false);
OPTION(option_grid, "grid", "SECTION.KEY=V1,V2", "values of one setting; a list as one value is written (a,b)", true);
OPTION(option_case, "case", "NAME", "a case named above (all but the slow ones)", true);
OPTION(option_bench_threads, "threads", "N", "threads, and shards of the batch (one, then all processors)", false);
OPTION(option_batch, "batch", "N", "rows of a batch in place of the case's", false);
OPTION(option_width, "width", "N", "hidden width in place of the case's", false);
OPTION(option_steps, "steps", "N", "steps in each of nine repeats (what takes 1.5 s in all)", false);
OPTION(option_bench_json, "json", NULL, "print the figures as JSON on standard output and nothing else there", false);
OPTION(option_recompute, "recompute", NULL, "less memory, more work: as train.recompute", false);
OPTION(option_quick, "quick", NULL, "leave out the peak, which takes seconds to measure, and the shares of it", false);
OPTION(option_export, "export", "FILE", "write initial weights, batch and losses of one case as safetensors", false);

OPTION(option_user_data, "data", "FILE",
       "rows: a .csv or IDX file (also .gz), .npy, CIFAR-10's .bin, or a known data set by name (its training part for "
       "fit, its test part else)",
       false);
OPTION(option_target, "target", "COLUMN", "column of a .csv file to predict (the last one)", false);
OPTION(option_labels, "labels", "FILE", "targets of an .npy or IDX file, row by row (labels beside IDX images)", false);
OPTION(option_task, "task", "regression|binary|classes", "what the targets are (what they look like)", false);
OPTION(option_rows, "rows", "N", "the first N rows only (all)", false);
OPTION(option_learner, "learner", "NAME", "cnn_small for pictures, else mlp_relu; any learner of ours will do", false);
OPTION(option_model_out, "out", "MODEL", "the model's file, safetensors", false);
OPTION(option_fit_set, "set", "SECTION.KEY=VALUE", "one setting of the learner, such as cnn.steps=500", true);
OPTION(option_fit_threads, "threads", "N",
       "threads for the parts of a batch, --set train.shards=N (all processors); no result depends on it", false);
OPTION(option_fit_seed, "seed", "N", "seed of initial weights and shuffling (1)", false);
OPTION(option_model, "model", "MODEL", "a file of strata fit, or PyTorch's weights with --architecture", false);
OPTION(option_architecture, "architecture", "mlp_relu|cnn_small", "MODEL holds a PyTorch state_dict of this network",
       false);
OPTION(option_picture, "picture", "C,H,W", "with --architecture: channels, height and width of its pictures", false);
OPTION(option_mean, "mean", "NUMBERS",
       "with --architecture: it was trained on (x - mean) / sd; one, or one a channel (0)", false);
OPTION(option_sd, "sd", "NUMBERS", "the same (1)", false);
OPTION(option_predict_out, "out", "FILE", ".csv or .npy (a table on standard output)", false);
OPTION(option_user_json, "json", NULL, "print the figures as JSON on standard output and nothing else there", false);
OPTION(option_norm, "norm", "l2|linf", "norm of the perturbations (linf)", false);
OPTION(option_eps, "eps", "E[,E...]", "radii, rising, in the units of the data; 8/255 is a number", false);
OPTION(option_attacks, "attacks", "LIST", "suites and attacks, such as standard or fgm,pgd (standard)", false);
OPTION(option_attack_out, "out", "DIR",
       "folder for result.json, report.html, figures and adversarial rows; new or empty", false);
OPTION(option_box, "box", "LO,HI", "least and largest value of an input (0,1 for pictures, none for tables)", false);
OPTION(option_attack_steps, "steps", "N", "steps of PGD (40)", false);
OPTION(option_restarts, "restarts", "N", "starts of PGD (5)", false);
OPTION(option_queries, "queries", "N", "queries of Square for each row (5000)", false);
OPTION(option_attack_seed, "seed", "N", "seed of all random starts (1)", false);

OPTION(option_sigma, "sigma", "S", "deviation of the Gaussian noise, in the units of the data", false);
OPTION(option_votes, "votes", "N", "draws that certify a row (10000)", false);

OPTION(option_help, "help", NULL, "this help; after a command, the help of that command", false);
OPTION(option_version, "version", NULL, "the version", false);
OPTION(option_man, "man", NULL, "", false);
OPTION(option_completion, "completion", "bash", "", false);

#define OPTIONS(...) ((const struct option_row *const[]){__VA_ARGS__, NULL})

const struct option_row *const program_options[] = {&option_help, &option_version, &option_man, &option_completion,
                                                    NULL};

const char *const exit_status_meanings[4] = {
    "done, whatever the verdicts",
    "interrupted, disk full, out of memory, or an internal error",
    "wrong usage, settings or data files, a damaged run directory, or a request refused as too large",
    "only with --check: a verdict other than the expected one",
};

const struct command command_table[] = {
    {"run", "STUDY", 1, 1, "run a study: train, measure, judge its claims",
     "Settings are taken from the study's table, then the preset, then --config, then --set, --seed and --seeds from "
     "left to right. The run directory holds config.ini, metrics.jsonl, result.json, report.html and figures. "
     "Ctrl-C stops cleanly and leaves a run that `strata resume` continues; Ctrl-C twice stops at once.",
     OPTIONS(&option_preset, &option_config, &option_set, &option_seed, &option_seeds, &option_threads, &option_out,
             &option_data, &option_json, &option_quiet, &option_check),
     command_run},
    {"resume", "DIR", 1, 1, "continue an interrupted run",
     "Tasks that were finished are kept, the others go on from their last checkpoint; the result is the one of a run "
     "that was never interrupted. A finished run prints its result again.",
     OPTIONS(&option_threads, &option_data, &option_json, &option_quiet, &option_check), command_resume},
    {"studies", "[STUDY]", 0, 1, "list the studies, or one study's settings and claims",
     "For one study: every setting with key, type, range, default and meaning, and every claim with its source, "
     "expected verdict, bound and the presets it runs in.",
     OPTIONS(NULL), command_studies},
    {"sweep", "STUDY --grid SECTION.KEY=V1,V2", 1, 1, "run every combination of settings, one table over all",
     "Combinations run in parallel, each in a run directory of its own below --out; sweep.csv there has a row for each "
     "combination and claim. After Ctrl-C the same command with the same --out continues.",
     OPTIONS(&option_grid, &option_preset, &option_config, &option_set, &option_seed, &option_seeds, &option_threads,
             &option_sweep_out, &option_data, &option_sweep_json, &option_quiet, &option_check),
     command_sweep},
    {"compare", "DIR DIR...", 2, SIZE_MAX, "several finished runs side by side",
     "Says which settings differ, then shows claims, tables and the ends of curves side by side.", OPTIONS(NULL),
     command_compare},
    {"report", "DIR", 1, 1, "rebuild report.html and the figures from the stored numbers",
     "Nothing is trained or measured again.", OPTIONS(&option_quiet), command_report},
    {"kernels", "[NAME]", 0, 1, "list the kernels, or one kernel's formula and parameters",
     "Names and parameters are what kernel.name, study.kernels and other lists of kernels take: NAME or "
     "NAME(parameter=value, ...).",
     OPTIONS(NULL), command_kernels},
    {"data", "list|show|get [NAME]", 1, 2, "list the known data sets, show one, or fetch one",
     "list: where each data set was found, or that it is missing. show NAME: its shape and where it is looked for. get "
     "NAME: fetches it from its public address into --data DIR or ~/.local/share/strata, checks it, and goes on where "
     "an "
     "earlier call ended.",
     OPTIONS(&option_data, &option_mirror, &option_quiet), command_data},
    {"fit", "--data FILE --out MODEL", 0, 0, "fit a learner to your own data, as one file",
     "The model's file holds weights, settings, preprocessing and sizes. Columns of tables are standardised, and the "
     "model "
     "goes on taking rows in the table's own units; pixels stay in [0, 1]. A fit of more than 20 s keeps "
     "MODEL.partial, "
     "from which the same command goes on. adversarial.method=fgsm_rs and its neighbours train robust models.",
     OPTIONS(&option_user_data, &option_target, &option_labels, &option_task, &option_rows, &option_learner,
             &option_model_out, &option_fit_set, &option_fit_seed, &option_fit_threads, &option_quiet),
     command_fit},
    {"predict", "--model MODEL --data FILE", 0, 0, "what a model says of rows",
     "Classes with their logits, or numbers, one line a row.",
     OPTIONS(&option_model, &option_user_data, &option_target, &option_labels, &option_rows, &option_architecture,
             &option_picture, &option_mean, &option_sd, &option_predict_out, &option_quiet),
     command_predict},
    {"evaluate", "--model MODEL --data FILE", 0, 0, "how well a model does on rows with targets",
     "Accuracy with its 95 % interval (Wilson) and which classes are taken for which, or the relative error: mean "
     "squared "
     "error over the variance of the targets.",
     OPTIONS(&option_model, &option_user_data, &option_target, &option_labels, &option_rows, &option_architecture,
             &option_picture, &option_mean, &option_sd, &option_user_json, &option_quiet),
     command_evaluate},
    {"attack", "--model MODEL --data FILE --eps E[,E...]", 0, 0,
     "how well a classifier stands up to small perturbations",
     "Robust accuracy is the share of rows that no attack of the list breaks within the radius. Every run checks "
     "whether "
     "the attacks themselves can be trusted. With --out: figures, adversarial rows (.npy), result.json and a report.",
     OPTIONS(&option_model, &option_user_data, &option_norm, &option_eps, &option_attacks, &option_target,
             &option_labels, &option_rows, &option_box, &option_attack_steps, &option_restarts, &option_queries,
             &option_attack_seed, &option_threads, &option_architecture, &option_picture, &option_mean, &option_sd,
             &option_attack_out, &option_user_json, &option_quiet),
     command_attack},
    {"certify", "--model MODEL --data FILE --sigma S", 0, 0,
     "l2 radii that no attack can break, by randomised smoothing",
     "The model's class under Gaussian noise is robust by itself: from the votes of noisy rows follows a radius that "
     "holds with 99.9 % confidence (Cohen et al. 2019). Rows without a sure class count as wrong. Noise is not "
     "clipped. "
     "Models trained with adversarial.method=noise stand it best.",
     OPTIONS(&option_model, &option_user_data, &option_sigma, &option_votes, &option_target, &option_labels,
             &option_rows, &option_attack_seed, &option_threads, &option_architecture, &option_picture, &option_mean,
             &option_sd, &option_user_json, &option_quiet),
     command_certify},
    {"bench", "", 0, 0, "our own speed: training steps of several networks",
     "Prints the median time of a step with the least and greatest over repeats, and its share of what this machine's "
     "sgemm reaches. chain_64: quadratic chain, d = 32, width 64, 3 layers, batch 64, Adam. chain_256: d = 64, width "
     "256, 4 layers, batch 128, Adam. mlp_512: MLP 784-512-512-10, batch 256, Adam. mlp_4096: MLP 2048-4096-4096-10, "
     "batch 512, SGD. cnn_small: three convolutions of stride 2 on 3 x 32 x 32 pixels, batch 128, Adam. resnet_20: "
     "residual network on 3 x 32 x 32 pixels, batch 128, momentum. resnet_110: the same of "
     "110 layers. conv_16, conv_32, conv_64: eight of that network's convolutions. The last four only when asked for "
     "with --case.",
     OPTIONS(&option_case, &option_bench_threads, &option_batch, &option_width, &option_steps, &option_recompute,
             &option_quick, &option_bench_json, &option_export),
     command_bench},
};
const size_t command_table_size = sizeof command_table / sizeof *command_table;
