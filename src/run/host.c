/* SPDX-License-Identifier: MIT */
#include "run/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/threads.h"
#include "linalg/linalg.h"

/* "model name : AMD EPYC" of the first processor; where the kernel gives none, the architecture. */
static void cpu_name(char name[256]) {
    struct utsname system;
    char line[256];
    snprintf(name, 256, "%s", uname(&system) == 0 ? system.machine : "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, 256, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    if (file) fclose(file);
}

json_t *host_describe(void) {
    char cpu[256];
    cpu_name(cpu);
    return json_pack("{s:s, s:I, s:s}", "cpu", cpu, "cores", (json_int_t)thread_available(), "blas",
                     linalg_blas_name());
}
