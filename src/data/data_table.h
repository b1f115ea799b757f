/* SPDX-License-Identifier: MIT */
/* The known data sets, each defined beside its loader. */
#ifndef DATA_DATA_TABLE_H
#define DATA_DATA_TABLE_H

#include "data/dataset.h"

extern const struct data_source data_fashion_mnist, data_mnist, data_cifar10;

#endif
